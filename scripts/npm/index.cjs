'use strict';
const { join } = require('node:path');

// index.d.ts says what these are.
const getLoadablePath = () => join(__dirname, 'seal.so');
const getInstallSqlPath = () => join(__dirname, 'install.sql');
const load = (db) => {
  db.loadExtension(getLoadablePath());
};

module.exports = { getLoadablePath, getInstallSqlPath, load };
