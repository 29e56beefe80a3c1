/* Prints every address that getaddrinfo gives for a name, one a line; for any libc. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct addrinfo hints, *list, *one;
  char text[INET6_ADDRSTRLEN];
  int error;

  if (argc != 2) return 2;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  error = getaddrinfo(argv[1], NULL, &hints, &list);
  if (error != 0) {
    printf("error %s\n", error == EAI_AGAIN ? "again" : "none");
    return 1;
  }
  for (one = list; one != NULL; one = one->ai_next) {
    const void *address = one->ai_family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr
                                                     : (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr;
    printf("%s\n", inet_ntop(one->ai_family, address, text, sizeof text));
  }
  freeaddrinfo(list);
  return 0;
}
