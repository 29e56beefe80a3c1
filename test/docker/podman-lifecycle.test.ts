/** The lives of containers and networks on a real Podman. */
import { lifecycle } from './lifecycle.ts';

lifecycle('podman');
