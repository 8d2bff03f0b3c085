import { crashTests } from './crashing.ts';

crashTests(0, 2);
