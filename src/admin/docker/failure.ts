/** What goes wrong with a request of the Docker API, as its clients expect to be told: a status and one message. */

export class DockerFailure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'DockerFailure';
    this.status = status;
  }
}

export function pageNotFound(): DockerFailure {
  return new DockerFailure(404, 'page not found');
}

/** What podns does not do and never will. */
export function readOnly(): DockerFailure {
  return new DockerFailure(
    501,
    'podns is read-only: pods and overlays come from its sources, and the Docker API changes none of them',
  );
}

/** What only whoever runs the pods could tell. */
export function notKnown(what: string): DockerFailure {
  return new DockerFailure(
    501,
    `podns is read-only: it knows names and addresses of pods, not their ${what}`,
  );
}
