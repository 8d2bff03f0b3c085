// Program: counts what a rollout costs the API server, and prints it with the conditions under which it was counted. `--json` for programs.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as pass } from 'node:timers/promises';
import { kubeconfigText } from '../bed/apiServer.ts';
import { type Bed, openBed } from '../bed/bed.ts';
import { startBed } from '../bed/startBed.ts';
