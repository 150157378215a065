// Vite serves the page, and hands on to the server what is the server's. So page and server have one origin.

export default { server: { proxy: { '^/(orders|token)$': 'http://localhost:3000' } } }
