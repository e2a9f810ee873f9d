
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const [tools, box, count, none, keys] = ["tools", "q", "count", "none", "keys"].map(at);
  const plain = (node) => node.textContent.replace(/\s+/g, " ").toLowerCase();
  const accounts = Array.from(document.querySelectorAll("section"), (section) => {
    const head = plain(section.querySelector("h2"));
    const rows = Array.from(section.querySelectorAll("li"), (row) => ({
      row,
      link: row.querySelector("a"),
      // What is said about a role names other roles.
      text: head + " " + plain(row.children[0]) + " " + plain(row.children[1]),
    }));
    return { section, rows };
  });
  const all = count.textContent;
  const total = accounts.reduce((sum, account) => sum + account.rows.length, 0);
  let first = null;

  const search = () => {
    // A slash parts words too, as in ACCOUNT/ROLE.
    const words = box.value.toLowerCase().split(/[\s\/]+/).filter(Boolean);
    let shown = 0;
    if (first) first.row.classList.remove("first");
    first = null;
    for (const { section, rows } of accounts) {
      let some = false;
      for (const role of rows) {
        const fits = words.every((word) => role.text.includes(word));
        if (role.row.hidden === fits) role.row.hidden = !fits;
        if (!fits) continue;
        some = true;
        shown += 1;
        if (!first && role.link) first = role;
      }
      if (section.hidden === some) section.hidden = !some;
    }
    if (words.length && first) first.row.classList.add("first");
    none.hidden = shown > 0;
    count.textContent = words.length ? shown.toLocaleString("en") + " of " + total.toLocaleString("en") + " roles" : all;
  };

  const links = () => Array.from(document.querySelectorAll("li:not([hidden]) > a")).filter((link) => !link.closest("section").hidden);

  const fromAddress = () => {
    const found = /^#q=(.*)$/.exec(location.hash);
    if (!found) return;
    try {
      box.value = decodeURIComponent(found[1].replace(/\+/g, " "));
    } catch {
      box.value = found[1];
    }
    search();
  };

  const remember = () => {
    try {
      history.replaceState(null, "", box.value ? "#q=" + encodeURIComponent(box.value) : "#");
    } catch {
      // A file's address cannot be changed everywhere; the search works all the same.
    }
  };

  box.addEventListener("input", search);
  box.addEventListener("change", remember);
  window.addEventListener("hashchange", fromAddress);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "/" && document.activeElement !== box) {
      event.preventDefault();
      box.focus();
      box.select();
    } else if (event.key === "Enter" && document.activeElement === box && first) {
      event.preventDefault();
      remember();
      first.link.click();
    } else if (event.key === "Escape" && box.value) {
      event.preventDefault();
      box.value = "";
      search();
      remember();
      box.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const shown = links();
      const here = shown.indexOf(document.activeElement);
      const next = here + (event.key === "ArrowDown" ? 1 : -1);
      if (here < 0 && document.activeElement !== box) return;
      event.preventDefault();
      if (next < 0) box.focus();
      else if (next < shown.length) shown[next].focus();
    }
  });

  tools.hidden = false;
  keys.hidden = false;
  fromAddress();
})();
