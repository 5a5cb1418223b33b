console.log('x')
process.exit(0)
