// Owns the English names of the parts of the health strip.

export const healthTitle = 'Health';

export const health = {
  gateway: 'Gateway',
  directory: 'Directory',
  mailServers: 'Mail servers',
  feeds: 'Feeds',
  certificates: 'Certificates',
};
