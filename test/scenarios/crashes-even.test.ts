import { crashTests } from './crashing.ts';

crashTests(1, 2);
