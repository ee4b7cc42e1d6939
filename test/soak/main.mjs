// npm run soak [-- [cache] [SECONDS]]: the soak of the service, or that of its cache.
if (process.argv[2] === 'cache') await import('./cache.mjs')
else await import('./soak.mjs')
