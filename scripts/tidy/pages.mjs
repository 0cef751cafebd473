/** Pages of the documentation that no reader of the site would find. */

const PAGE = /^docs\/((?:concepts|guides|reference|internals)\/[\w-]+)\.md$/;

/** Every page stands in the sidebar of the site. */
export function hiddenPages(texts) {
  const config = texts.get('site/.vitepress/config.mts') ?? '';
  const pages = [...texts.keys()].flatMap((name) => PAGE.exec(name)?.[1] ?? []);
  return pages
    .filter((page) => !config.includes(`'/${page}'`))
    .map((page) => `docs/${page}.md: is not in the sidebar of site/.vitepress/config.mts`);
}
