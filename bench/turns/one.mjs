// One scenario, in a process of its own: its file, its name, and the folder of compiled code.

const [file, name, dist] = process.argv.slice(2)
const { scenarios } = await import(`./${file}.mjs`)
const scenario = scenarios.find((each) => each.name === name)
if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
process.send({ result: await scenario.run(dist) }, () => process.exit())
