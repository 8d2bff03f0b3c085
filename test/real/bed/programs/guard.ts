// Program: ends all servers of a bed when the process that started them is gone, however it ended. Its argument is the bed's directory;
// its standard input is a pipe that the kernel closes with that process.
import { killAll } from '../process.ts';

const directory = process.argv[2] ?? '';
process.stdin.resume();
process.stdin.on('error', () => killAll(directory));
process.stdin.on('close', () => killAll(directory));
