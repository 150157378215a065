// With PROPERTY_SEED=… every property test draws the cases of that seed; without it, new ones in each run.

const { PROPERTY_SEED } = process.env

if (PROPERTY_SEED !== undefined) {
  const { configureGlobal } = await import('fast-check')
  configureGlobal({ seed: Number(PROPERTY_SEED) })
}
