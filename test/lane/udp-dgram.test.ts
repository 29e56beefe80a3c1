import { DgramLane } from '../../src/lane/udp-dgram.ts';
import { laneBehaviour } from './behaviour.ts';

laneBehaviour('udp-dgram', { transport: 'udp', make: (listener, answering) => new DgramLane(listener, answering) });
