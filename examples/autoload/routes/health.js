export default async function health(app) {
  app.get('/health', async (_request, reply) => {
    const { ready, reasons } = app.kafkaSse.ready()
    return reply.code(ready ? 200 : 503).send({ ready, reasons })
  })
}
