/*
 * The ring between a worker and the main thread: src/transport/udp-batch/ring.ts, with its users in worker.ts (writer) and
 * handoff.ts (reader). README.md maps the lines.
 *
 * Checked: the records that were published come out whole, once and in order, also when the worker is killed anywhere
 * and another one goes on; the reader never sleeps for ever over a record.
 */
#ifndef RECORDS
#define RECORDS 4
#endif
#define CAPACITY 4   /* in units of 8 octets; a record takes 1 or 2: up to half the ring */
#define WRAP 7       /* positions wrap at twice the capacity, where the code has 2^32 */
#define SKIP 9
#define DEATHS 1

byte tail, head;     /* TAIL, HEAD */
bool sleeping;       /* SLEEPING */
byte length[CAPACITY];
byte data[CAPACITY]; /* the number of the record, in each of its units */

byte eventfd;        /* wakes that the main thread has not taken */
byte published;      /* number of the last record that the reader may see */
bool dead;
byte deaths;
bool finished;       /* no worker writes any more */

#define DIES deaths < DEATHS -> deaths++; dead = true; goto killed

active proctype Worker() {
  byte mine, next, at, need, toEnd, skip_, used, record, tries;
  bool wakes;
start:
  mine = tail;
  record = published;
  do
  :: tries < RECORDS ->
    tries++;
    /* reserve() */
    if
    :: need = 1
    :: need = 2
    fi;
    at = mine & (CAPACITY - 1);
    toEnd = CAPACITY - at;
    if
    :: need > toEnd -> skip_ = toEnd
    :: else -> skip_ = 0
    fi;
    used = (mine - head) & WRAP;
#ifdef NO_LOOK_AT_ROOM
    if
    :: false -> skip
#else
    if
    :: used + skip_ + need > CAPACITY -> skip /* full: the worker answers by itself */
#endif
    :: else ->
      record++;
#ifdef NO_SKIP_MARK
#else
      if
      :: skip_ != 0 -> length[at] = SKIP; at = 0
      :: else
      fi;
#endif
      length[at] = need;
      mine = (mine + skip_ + need) & WRAP;
#ifdef PUBLISHED_BEFORE_WRITTEN
      tail = mine;
      published = record;
#endif
      /* handOver() writes the octets */
      data[at] = record;
      if
      :: need == 2 -> data[(at + 1) & (CAPACITY - 1)] = record
      :: else
      fi;
      if
      :: skip
      :: DIES
      fi
    fi;
    if
    :: tries < RECORDS /* more of the same batch */
    :: true ->
      /* publish() */
      if
      :: mine != tail ->
        d_step { tail = mine; published = record };
        if
        :: skip
        :: DIES
        fi;
        wakes = false;
        if
        :: sleeping ->
          /* compareExchange(SLEEPING, 1, 0) */
          d_step { wakes = sleeping; sleeping = false };
          if
          :: skip
          :: DIES
          fi
        :: else
        fi;
        if
        :: wakes -> eventfd++
        :: else
        fi
      :: else
      fi
    fi
  :: else -> break
  od;
  /* The end of a batch always publishes. */
  if
  :: mine != tail ->
    d_step { tail = mine; published = record };
    d_step { wakes = sleeping; sleeping = false };
    if
    :: wakes -> eventfd++
    :: else
    fi
  :: else
  fi;
  finished = true;
  goto done;
killed:
  /* worker-slot.ts: the thread has ended; worker.ts: its successor wakes the reader, and goes on with the same memory. */
#ifndef NO_WAKE_AT_DEATH
  eventfd++;
#endif
  dead = false;
  goto start;
done:
  skip
}

active proctype Main() {
  byte at, units, expected;
  expected = 1;
pass:
  do
  ::
    /* next() */
    if
    :: head == tail -> break
    :: else
    fi;
    at = head & (CAPACITY - 1);
    if
    :: length[at] == SKIP ->
      /* The room before the end is given back together with the record. */
      units = CAPACITY - at;
      at = 0
    :: else -> units = 0
    fi;
    assert(data[at] == expected);
    assert(length[at] == 1 || length[at] == 2);
#ifdef RELEASED_BEFORE_READ
    head = (head + units + length[at]) & WRAP;
#endif
    if
    :: length[at] == 2 -> assert(data[(at + 1) & (CAPACITY - 1)] == expected)
    :: else
    fi;
    assert(data[at] == expected);
#ifndef RELEASED_BEFORE_READ
    /* release() */
    head = (head + units + length[at]) & WRAP;
#endif
    expected++
  od;
  /* sleep() */
  sleeping = true;
#ifndef NO_SECOND_LOOK
  if
  :: head == tail
  :: else -> sleeping = false; goto pass
  fi;
#endif
  if
  :: eventfd > 0 -> eventfd = 0; goto pass
  :: finished && eventfd == 0 && expected == published + 1
  fi
}
