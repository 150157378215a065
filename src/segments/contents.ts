// What segments hold, counted along: what a step of housekeeping decides by, without a look at the frames.

/** What segments hold: one of them, or all that a bus retains. */
export interface Contents {
  /** Frames, live or not, and the bytes that they take with their entries and keys. */
  frames: number
  takenBytes: number
  /** Frames that no later record has superseded, and their bytes with their entries and keys: what a compaction keeps. */
  liveFrames: number
  liveBytes: number
  /** Of the live frames, tombstones and those without a key: both are kept for a time only. */
  liveTombstones: number
  liveKeyless: number
  liveKeylessBytes: number
}

/** Counts so many live frames in, or out where they are below 0. */
export function addLive(
  contents: Contents,
  frames: number,
  bytes: number,
  tombstones: number,
  keyless: number,
): void {
  contents.liveFrames += frames
  contents.liveBytes += bytes
  contents.liveTombstones += tombstones
  contents.liveKeyless += keyless
  if (keyless !== 0) contents.liveKeylessBytes += bytes
}
