export default async function health(app) {
  // Anyone may ask whether the app is ready. The reasons name topics and servers, so they are for the log.
  app.get('/health', async (request, reply) => {
    const { ready, reasons } = app.kafkaSse.ready()
    if (!ready) request.log.warn({ reasons }, 'not ready')
    return reply.code(ready ? 200 : 503).send({ ready })
  })
}
