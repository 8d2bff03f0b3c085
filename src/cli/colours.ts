import pc from 'picocolors';

/** Colours for people at a terminal; none in files, pipes and builds, whatever their environment says, and none with NO_COLOR. */
export const colours = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);
