/**
 * Builds the Debian package: `node packaging/debian/build.mjs [FOLDER]` writes FOLDER/podns_VERSION_ARCH.deb.
 * Needs dpkg-deb, and dependencies and `dist` as `npm ci` leaves them. Nothing is fetched.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { version, description, engines, license } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };
/** Of a dependency only what runs: no sources of C, no documentation, no types. */
const LEFT_OUT =
  /\.(?:d\.[cm]?ts|map|md|markdown|c|cc|h|hh|cmake)$|^(?:tests?|docs?|examples?|benchmarks?|\.github)(?:\/|$)/;

function architecture() {
  const found = ARCHITECTURES[process.arch];
  if (found === undefined) throw new Error(`podns has no Debian package for ${process.arch}`);
  return found;
}

/** Folders of what `dependencies` and `optionalDependencies` need, as npm has installed them. */
function runtimePackages() {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return listed.split('\n').filter((folder) => folder.startsWith(join(ROOT, 'node_modules')));
}

function copyInto(stage) {
  const home = join(stage, 'usr/lib/podns');
  cpSync(join(ROOT, 'dist'), join(home, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(?:d\.ts|map)$/.test(path),
  });
  for (const folder of runtimePackages()) {
    const filter = (path) =>
      !LEFT_OUT.test(relative(folder, path)) && !relative(folder, path).includes('node_modules');
    cpSync(folder, join(home, relative(ROOT, folder)), { recursive: true, filter });
  }
  cpSync(join(ROOT, 'package.json'), join(home, 'package.json'));
  put(stage, 'usr/bin/podns', '#!/bin/sh\nexec /usr/bin/node /usr/lib/podns/dist/cli/main.js "$@"\n', 0o755);
  put(stage, 'lib/systemd/system/podns.service', readFileSync(join(ROOT, 'packaging/systemd/podns.service')));
  put(stage, 'lib/systemd/system/podns.socket', readFileSync(join(ROOT, 'packaging/systemd/podns.socket')));
  put(stage, 'etc/podns/podns.yaml', readFileSync(join(ROOT, 'packaging/debian/podns.yaml')));
  mkdirSync(join(stage, 'etc/podns/zones'), { recursive: true });
  const documents = 'usr/share/doc/podns';
  cpSync(join(ROOT, 'zones'), join(stage, documents, 'examples/zones'), { recursive: true });
  put(stage, `${documents}/copyright`, copyright());
  put(stage, `${documents}/changelog.gz`, gzipSync(readFileSync(join(ROOT, 'CHANGELOG.md')), { level: 9 }));
  for (const [name, section] of [
    ['podns', 1],
    ['podns.yaml', 5],
    ['podns-zones', 5],
  ]) {
    const page = readFileSync(join(ROOT, `packaging/man/${name}.${section}`));
    put(stage, `usr/share/man/man${section}/${name}.${section}.gz`, gzipSync(page, { level: 9 }));
  }
  put(stage, 'usr/share/bash-completion/completions/podns', completion('bash'));
  put(stage, 'usr/share/zsh/vendor-completions/_podns', completion('zsh'));
  put(stage, 'usr/share/fish/vendor_completions.d/podns.fish', completion('fish'));
}

function completion(shell) {
  return execFileSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'completion', shell]);
}

function copyright() {
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nLicense: ${license}\n${readFileSync(
    join(ROOT, 'LICENSE'),
    'utf8',
  )
    .replace(/^/gm, ' ')
    .replace(/^ $/gm, ' .')}`;
}

function put(stage, path, content, mode = 0o644) {
  const file = join(stage, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}

const INSTALLED = `#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable podns.service
  # The service that runs keeps its sockets until it is told otherwise; a new one is started.
  if systemctl is-active --quiet podns.service; then systemctl reload podns.service || systemctl restart podns.service; else systemctl start podns.service; fi
fi
`;
const REMOVED = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now podns.service || true
fi
`;
const PURGED = `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
# The saved view is of no use without podns.
if [ "$1" = purge ]; then rm -rf /var/lib/podns /var/lib/private/podns; fi
`;

function control(stage) {
  const size = Math.ceil(Number(execFileSync('du', ['-sk', stage], { encoding: 'utf8' }).split('\t')[0]));
  const lines = [
    'Package: podns',
    `Version: ${version}`,
    `Architecture: ${architecture()}`,
    'Maintainer: The podns authors <podns@localhost>',
    `Installed-Size: ${size}`,
    `Depends: nodejs (${engines.node.replace('>=', '>= ')})`,
    'Suggests: bind9-dnsutils, etcd-server',
    'Section: net',
    'Priority: optional',
    `Description: ${description.split(':')[0]}`,
    ...(description.split(':')[1] ?? description)
      .trim()
      .match(/.{1,78}(?:\s|$)/g)
      .map((line) => ` ${line.trim()}`),
  ];
  put(stage, 'DEBIAN/control', `${lines.join('\n')}\n`);
  put(stage, 'DEBIAN/conffiles', '/etc/podns/podns.yaml\n');
  put(stage, 'DEBIAN/postinst', INSTALLED, 0o755);
  put(stage, 'DEBIAN/prerm', REMOVED, 0o755);
  put(stage, 'DEBIAN/postrm', PURGED, 0o755);
}

const target = resolve(process.argv[2] ?? '.');
if (!statSync(target, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${target} is no folder`);
const stage = mkdtempSync(join(tmpdir(), 'podns-deb-'));
try {
  chmodSync(stage, 0o755);
  copyInto(stage);
  control(stage);
  const file = join(target, `podns_${version}_${architecture()}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z3', '--build', stage, file], {
    stdio: 'ignore',
  });
  console.log(file);
} finally {
  rmSync(stage, { recursive: true });
}
