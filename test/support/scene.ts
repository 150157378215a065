// A scene is a running piece and all that it needs. `XScene.open(parts)` builds it, from parts that a test may set, and
// `close()` ends all of it.

import { onTestFinished } from 'vitest'

interface Scene {
  close(): unknown
}

/** Closes the scene when the test is over that opened it. */
export async function forThisTest<S extends Scene>(opening: S | Promise<S>): Promise<S> {
  const scene = await opening
  onTestFinished(async () => {
    await scene.close()
  })
  return scene
}
