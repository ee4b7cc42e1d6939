// npm run soak [-- [cache|ship] [SECONDS]]: the soak of the service, of its cache, or of the delivery of audit records.
if (process.argv[2] === 'cache') await import('./cache.mjs')
else if (process.argv[2] === 'ship') await import('./ship.mjs')
else await import('./soak.mjs')
