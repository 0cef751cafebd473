/**
 * How nx release reads and writes versions: those of package.json, of the package and of its dependencies on the other
 * packages here. Nx has this in @nx/js, which would bring a hundred packages for it.
 */
const path = require('node:path');
const { VersionActions } = require('nx/release');

const COLLECTIONS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'];

class PackageJsonVersion extends VersionActions {
  validManifestFilenames = ['package.json'];

  async readCurrentVersionFromSourceManifest(tree) {
    const manifestPath = path.join(this.projectGraphNode.data.root, 'package.json');
    return { currentVersion: JSON.parse(tree.read(manifestPath, 'utf8')).version, manifestPath };
  }

  async readCurrentVersionFromRegistry() {
    throw new Error('the current version is the one in package.json, not one of a registry');
  }

  async readCurrentVersionOfDependency(tree, projectGraph, dependency) {
    const manifest = JSON.parse(tree.read(path.join(this.projectGraphNode.data.root, 'package.json'), 'utf8'));
    const dependencyCollection = COLLECTIONS.find((name) => manifest[name]?.[dependency] !== undefined) ?? null;
    const currentVersion = dependencyCollection === null ? null : manifest[dependencyCollection][dependency];
    return { currentVersion, dependencyCollection };
  }

  async updateProjectVersion(tree, newVersion) {
    return this.#rewrite(tree, (manifest) => {
      manifest.version = newVersion;
      return `version ${newVersion}`;
    });
  }

  async updateProjectDependencies(tree, projectGraph, dependencies) {
    return this.#rewrite(tree, (manifest) => {
      const changed = Object.entries(dependencies).flatMap(([project, version]) => {
        const { metadata } = projectGraph.nodes[project].data;
        const name = metadata?.js?.packageName ?? project;
        const collections = COLLECTIONS.filter((collection) => manifest[collection]?.[name] !== undefined);
        const range = `^${version.replace(/^\^/, '')}`;
        for (const collection of collections) manifest[collection][name] = range;
        return collections.length > 0 ? [`${name} ${range}`] : [];
      });
      return changed.length > 0 ? `needs ${changed.join(', ')}` : undefined;
    });
  }

  /** Keeps the text as it is but for what changes: package.json files here are laid out by hand. */
  #rewrite(tree, change) {
    return this.manifestsToUpdate.flatMap(({ manifestPath }) => {
      const text = tree.read(manifestPath, 'utf8');
      const before = JSON.parse(text);
      const after = structuredClone(before);
      const what = change(after);
      if (what === undefined) return [];
      tree.write(manifestPath, replaced(text, before, after));
      return [`${manifestPath}: ${what}`];
    });
  }
}

function replaced(text, before, after) {
  let result = text.replace(`"version": "${before.version}"`, `"version": "${after.version}"`);
  for (const collection of COLLECTIONS) {
    for (const [name, range] of Object.entries(after[collection] ?? {})) {
      result = result.replace(`"${name}": "${before[collection][name]}"`, `"${name}": "${range}"`);
    }
  }
  return result;
}

module.exports = PackageJsonVersion;
