// A route that @fastify/autoload finds.

export default async function loaded(app) {
  app.get('/loaded', async () => ({ loaded: true }))
}
