import { TcpLane } from '../../src/lane/tcp.ts';
import { laneBehaviour } from './behaviour.ts';

laneBehaviour('tcp', { transport: 'tcp', make: (listener, answering) => new TcpLane(listener, answering) });
