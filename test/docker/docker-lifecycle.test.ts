/** The lives of containers and networks on a real Docker Engine. */
import { lifecycle } from './lifecycle.ts';

lifecycle('docker');
