// A registry of npm packages that knows the packed set and nothing else: who asks for another package gets 404. It runs in a
// thread of its own, because the tests wait for their commands synchronously.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Starts the registry with `packages`: `[{ manifest, tarball }]`. Resolves with `{ url, stop }`. */
export function startRegistry(packages) {
  const worker = new Worker(new URL(import.meta.url), { workerData: packages });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (port) => {
      resolve({ url: `http://127.0.0.1:${port}`, stop: () => worker.terminate() });
    });
  });
}

function packumentOf({ manifest, tarball }, base) {
  const bytes = readFileSync(tarball);
  const digest = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding);
  const dist = {
    tarball: `${base}/${manifest.name}/-/${path.basename(tarball)}`,
    integrity: `sha512-${digest('sha512', 'base64')}`,
    shasum: digest('sha1', 'hex'),
  };
  // Old: some package managers take nothing that was published within the last day.
  const published = '2020-01-01T00:00:00.000Z';
  return {
    _id: manifest.name,
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    time: { created: published, modified: published, [manifest.version]: published },
    versions: { [manifest.version]: { ...manifest, _id: `${manifest.name}@${manifest.version}`, dist } },
  };
}

function serve(packages) {
  const server = createServer((request, response) => {
    const url = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const base = `http://${request.headers.host}`;
    const asked = packages.find(({ manifest }) => url === `/${manifest.name}` || url === `/${manifest.name}/${manifest.version}`);
    const packed = packages.find(({ tarball }) => url.endsWith(`/-/${path.basename(tarball)}`));
    if (asked !== undefined) {
      response.setHeader('content-type', 'application/json');
      const packument = packumentOf(asked, base);
      response.end(JSON.stringify(url.endsWith(asked.manifest.version) ? packument.versions[asked.manifest.version] : packument));
    } else if (packed !== undefined) {
      response.end(readFileSync(packed.tarball));
    } else {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
    }
  });
  server.listen(0, '127.0.0.1', () => { parentPort.postMessage(server.address().port); });
}

if (!isMainThread && workerData !== null) serve(workerData);
