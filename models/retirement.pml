/*
 * The shared cache: blocks that no slot leads to any more, until every reader has been outside since.
 * src/shared-cache/retirement.ts, cache-reader.ts (enter, find, leave) and shared-cache.ts (publish, remove, readerEnded).
 * README.md maps the lines.
 *
 * Checked: no reader ever reads a block that was given back or given to another entry; every block is given back in the end.
 */
#ifndef READERS
#define READERS 2
#endif
#ifndef CHANGES
#define CHANGES 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define DEATHS 1
#define UNITS 4  /* from 1: 0 is no block */
#define FREED 255

byte count[READERS];  /* HEAD_READERS: odd while the reader is inside */
byte slot;            /* 0: empty */
byte content[UNITS];  /* the entry in a block */
bool dead[READERS];
byte deaths;
byte ended;           /* readers that have done all their rounds */

#define DIES atomic { deaths < DEATHS -> deaths++; dead[me] = true }; goto killed

proctype Reader(byte me) {
  byte mine, unit, seen, round;
start:
  mine = count[me];
  do
  :: round < ROUNDS ->
    round++;
#ifdef READS_BEFORE_ENTERING
    unit = slot;
#endif
    /* enter() */
    d_step { mine++; count[me] = mine };
#ifndef READS_BEFORE_ENTERING
    /* find() */
    unit = slot;
#endif
    if
    :: unit == 0
    :: unit != 0 ->
      seen = content[unit];
      assert(seen != FREED);
      if
      :: skip
      :: DIES
      fi;
      /* write() */
      assert(content[unit] == seen)
    fi;
    /* leave() */
    d_step { mine++; count[me] = mine; unit = 0; seen = 0 }
  :: else -> goto done
  od;
killed:
  /* A replacement has the same number, once the writer's thread knows of the death. */
  (!dead[me]);
  d_step { unit = 0; seen = 0 };
  goto start;
done:
  ended++
}

/* Retired: sets of blocks, one bit each. */
byte leaving, next, r, unit, given, entry;
byte seen[READERS];
bool left;

inline give(units) {
  d_step { given = 1;
  do
  :: given < UNITS ->
    if
    :: (units & (1 << given)) -> content[given] = FREED
    :: else
    fi;
    given++
  :: else -> break
  od }
}

inline haveLeft() {
  left = true;
  r = 0;
  do
  :: r < READERS ->
    if
    :: (seen[r] & 1) == 0
#ifdef ANY_EVEN_COUNT_IS_ENOUGH
    :: (seen[r] & 1) != 0 -> seen[r] = 0
#else
    :: (seen[r] & 1) != 0 ->
      if
      :: count[r] == seen[r] -> left = false; break
      :: count[r] != seen[r] -> seen[r] = 0
      fi
#endif
    fi;
    r++
  :: else -> break
  od
}

inline settle() {
  left = true;
  if
  :: leaving != 0 -> haveLeft()
  :: else
  fi;
  if
  :: left ->
    give(leaving);
    if
    :: next != 0 ->
      d_step { leaving = next; next = 0; r = 0 };
      do
      :: r < READERS -> seen[r] = count[r]; r++
      :: else -> break
      od;
      haveLeft();
      if
      :: left -> give(leaving); leaving = 0
      :: else
      fi
    :: else -> leaving = 0
    fi
  :: else
  fi;
  d_step { r = 0; left = false }
}

/* On the writer's thread, between two of its changes. */
inline buryTheDead() {
  r = 0;
  do
  :: r < READERS ->
    if
    :: dead[r] ->
#ifndef NO_READER_ENDED
      if
      :: (count[r] & 1) != 0 -> count[r] = count[r] + 1
      :: else
      fi;
#endif
      dead[r] = false
    :: else
    fi;
    r++
  :: else -> break
  od
}

active proctype Writer() {
  byte i;
  atomic {
    i = 1;
    do :: i < UNITS -> content[i] = FREED; i++ :: else -> break od;
    i = 0;
    do :: i < READERS -> run Reader(i); i++ :: else -> break od
  };
  do
  :: entry < CHANGES ->
    entry++;
    buryTheDead();
    /* remove() */
    if
    :: slot != 0 ->
      unit = slot;
#ifdef RETIRED_BEFORE_EMPTIED
      next = next | (1 << unit);
      settle();
      slot = 0;
#else
      slot = 0;
#ifdef GIVEN_AT_ONCE
      content[unit] = FREED;
#else
#ifdef JOINS_THOSE_THAT_LEAVE
      if
      :: leaving != 0 -> leaving = leaving | (1 << unit)
      :: else -> next = next | (1 << unit)
      fi;
#else
      next = next | (1 << unit);
#endif
      settle();
#endif
#endif
    :: else
    fi;
    /* publish(): without a free block nothing is put up */
    settle();
    d_step {
      unit = 1;
      do :: unit < UNITS && content[unit] != FREED -> unit++ :: else -> break od
    };
    if
    :: unit < UNITS -> content[unit] = entry; slot = unit
    :: else
    fi
  :: else -> break
  od;
  /* In the end: all have left, and a change more gives everything back. */
  do
  :: ended == READERS -> break
  :: dead[0] || dead[READERS - 1] -> buryTheDead()
  od;
  settle();
  settle();
  assert(leaving == 0 && next == 0)
}
