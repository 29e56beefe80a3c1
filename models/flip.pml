/*
 * The two copies of the trie: src/trie/read/left-right.ts and src/trie/write/tables.ts. README.md maps the lines.
 *
 * Checked: no reader ever sees half a transaction, a block that was given back, a change while it reads, or an older
 * state than before, nor does the replacement of a killed one; the writer never waits for ever.
 */
#ifndef READERS
#define READERS 2
#endif
#ifndef COMMITS
#define COMMITS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2  /* of the first reader; each further one has one fewer */
#endif
#define DEATHS 1
#define BLOCKS 4
#define FREED 255

byte current;                 /* HEAD_ACTIVE; `active` is a word of the language */
byte announcement[READERS];  /* HEAD_READERS: 0, or the number of the copy plus 1 */
byte first[2];               /* two slots of each copy; every transaction changes both */
byte second[2];
byte content[BLOCKS];        /* what is written in a block: the number of a transaction, or FREED */

byte dead;                   /* the reader plus 1 whose thread has ended, and nobody has cleaned up after it */
byte deaths;
bool inTurn;                 /* the main thread is in a turn of its event loop, and hears of no death */

/* Readers.release, when a worker has ended: the main thread does it, in a turn of its own. */
active proctype Supervisor() {
end:
  do
  :: atomic { dead != 0 && !inTurn -> announcement[dead - 1] = 0; dead = 0 }
  od
}

#define DIES atomic { deaths < DEATHS -> deaths++; dead = me + 1 }; goto killed

proctype Reader(byte me) {
  byte copy, again, a, b, seen, last, round;
start:
  do
  :: round < ROUNDS - me ->
    round++;
    /* enter() */
    copy = current;
    do
    :: announcement[me] = copy + 1;
#ifdef NO_SECOND_LOOK
      break
#else
      if
      :: again = current
      :: DIES
      fi;
      if
      :: again == copy -> break
      :: else -> copy = again
      fi
#endif
    od;
    /* a search: from slots to blocks and their octets */
    a = first[copy];
    seen = content[a];
    assert(seen != FREED);
    if
    :: b = second[copy]
    :: DIES
    fi;
    assert(a == b);
    assert(content[b] == seen);
    assert(seen >= last);
    last = seen;
    /* leave() */
    d_step { announcement[me] = 0; copy = 0; again = 0; a = 0; b = 0; seen = 0 }
  :: else -> goto done
  od;
killed:
  /* A replacement takes the number once it has been given back; what it reads is no older than what the dead one read. */
#ifndef REPLACED_BEFORE_RELEASED
  (dead != me + 1);
#else
  skip;
#endif
  d_step { copy = 0; again = 0; a = 0; b = 0; seen = 0 };
  goto start;
done:
  skip
}

bool replayed = true;
byte released;  /* the block that the last transaction released */
byte idle, r, block, n;

/* settle(): true in `settled` when the idle copy is up to date */
bool settled;
inline settle() {
  settled = true;
  if
  :: replayed
  :: !replayed ->
    idle = 1 - current;
#ifndef NO_WAIT
    r = 0;
    do
    :: r < READERS ->
      if
      :: announcement[r] == idle + 1 -> settled = false; break
      :: announcement[r] != idle + 1 -> r++
      fi
    :: else -> break
    od;
#endif
    if
    :: settled ->
      /* replay(): onto the idle copy, then what was released is used again */
      first[idle] = first[current];
      second[idle] = second[current];
      replayed = true;
      content[released] = FREED
    :: else
    fi
  fi
}

/* ready() until it is true, and then begin(), which does not wait */
inline begin() {
  do
  :: settle();
    if
    :: settled -> break
    :: else ->
#ifdef WAITS_IN_ITS_TURN
      announcement[r] != idle + 1 /* Atomics.wait */
#else
      /* Either the reader leaves within the patience, or the event loop runs before the next look. */
      if
      :: announcement[r] != idle + 1
      :: inTurn = false; announcement[r] != idle + 1; inTurn = true
      fi
#endif
    fi
  od;
  skip;
  d_step { idle = 1 - current; r = 0 }
}

active proctype Writer() {
  byte i;
  atomic {
    i = 1;
    do :: i < BLOCKS -> content[i] = FREED; i++ :: else -> break od;
    i = 0;
    do :: i < READERS -> run Reader(i); i++ :: else -> break od
  };
  do
  :: n < COMMITS ->
    d_step { n++; inTurn = true };
    begin();
    /* a block of the arena that is free */
    d_step {
      block = 0;
      do :: block < BLOCKS && content[block] != FREED -> block++ :: else -> break od;
      assert(block < BLOCKS);
      content[block] = n
    };
    released = first[idle];
    first[idle] = block;
#ifdef FLIP_EARLY
    current = idle;
    second[idle] = block;
#else
    second[idle] = block;
    /* commit() */
    current = idle;
#endif
    replayed = false;
#ifdef RELEASED_AT_COMMIT
    content[released] = FREED;
#endif
    /* Either another transaction in the same turn, or the turn ends; setImmediate settles in the next. */
    if
    :: skip
    :: inTurn = false; inTurn = true; settle(); inTurn = false
    fi
  :: else -> break
  od;
  inTurn = false
}
