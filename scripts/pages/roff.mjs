/** The few requests of man(7) that the manual pages use. */

/** Text as roff takes it: nothing of it is a request, and a minus is a minus. */
export function escaped(text) {
  const safe = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...');
  return safe.replace(/^([.'])/gm, '\\&$1');
}

/** `code` and **strong** of Markdown in bold. */
export function prose(text) {
  return escaped(text).replace(
    /`([^`]+)`|\*\*([^*]+)\*\*/g,
    (_, code, strong) => `\\fB${code ?? strong}\\fR`,
  );
}

export const heading = (name, section, version, title) =>
  `.TH ${name.toUpperCase()} ${section} "" "podns ${version}" "${title}"\n`;
export const section = (title) => `.SH ${title}\n`;
export const subsection = (title) => `.SS "${escaped(title)}"\n`;
export const paragraph = (text) => `.PP\n${prose(text)}\n`;
/** A term and what it means. `term` is already roff. */
export const item = (term, text) => `.TP\n${term}\n${prose(text)}\n`;
export const bold = (text) => `\\fB${escaped(text)}\\fR`;
export const italic = (text) => `\\fI${escaped(text)}\\fR`;
/** Lines as they are. */
export const verbatim = (lines) => `.PP\n.RS 4\n.nf\n${escaped(lines)}\n.fi\n.RE\n`;
