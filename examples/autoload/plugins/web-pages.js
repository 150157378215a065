// Other origins. It is loaded after the streams, and holds for them, too.

import cors from '@fastify/cors'
import fastifyPlugin from 'fastify-plugin'

export default fastifyPlugin(async (app) => {
  await app.register(cors, { origin: ['https://app.example.com'] })
})
