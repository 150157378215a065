// Our server's metrics, as numbers by their names.

/** @param {number} adminPort @returns {Promise<Record<string, number>>} with the last of several equal names */
export async function readMetrics(adminPort) {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^(\w+)\S* (\S+)$/.exec(line) ?? []
      return [name, Number(value)]
    }),
  )
}
