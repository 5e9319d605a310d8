"use strict";
// A specification to take away: its formula, the command that shows it, its program in each language.

function copyButton(text, name) {
  const button = make("button", tr`Copy`, { type: "button", "aria-label": tr`Copy ${name}` });
  button.addEventListener("click", async () => {
    const done = await copyText(text);
    byId("spoken").textContent = done ? tr`Copied: ${name}` : tr`The browser lets nothing be copied: select the text of ${name}`;
    button.textContent = done ? tr`Copied` : tr`Select and copy by hand`;
    setTimeout(() => (button.textContent = tr`Copy`), 2000);
  });
  return button;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea", "", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function copied(name, text) {
  return make("div", "", { class: "copied" }, make("span", name, { class: "name" }), make("code", text),
    copyButton(text, name.toLowerCase()));
}

const inShell = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// The command that shows a specification, and the programs that the page holds: those of the preferred, of its
// neighbours and of both ends.
function codeParts(i) {
  const path = data.spec_path;
  const id = data.spec_id[i];
  const programs = data.programs.of[String(i)];
  const command = path && `specdid show ${inShell(path)} ${id}`;
  const parts = command ? [copied(tr`In full`, command)] : [];
  if (programs) {
    return [...parts, ...programs.map(([language, lines]) => {
      const text = lines.map((k) => data.programs.lines[k]).join("\n");
      return make("details", "", { class: "program" }, make("summary", tr`${language} program`),
        copyButton(text, tr`the ${language} program`), make("pre", text, { tabindex: "0", "aria-label": tr`${language} program` }));
    })];
  }
  return command ? [...parts, ...data.programs.languages.map(([name, title]) => copied(title, `${command} --code ${name}`))] : parts;
}
