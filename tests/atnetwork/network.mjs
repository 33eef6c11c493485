// Start PLC, PDS, AppView and what they need on free ports, and say where, as one line of JSON.
import { TestNetwork } from '@atproto/dev-env';

const network = await TestNetwork.create({
  dbPostgresSchema: 'dev',
  pds: { hostname: 'localhost', enableDidDocWithSession: true },
});
console.log(JSON.stringify({ pds: network.pds.port, appview: network.bsky.port }));
