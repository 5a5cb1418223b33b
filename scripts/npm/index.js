import paths from './index.cjs';

export const { getLoadablePath, getInstallSqlPath, load } = paths;
