// Small comforts only: every page works without this file.
"use strict";

(() => {
  const rows = () => Array.from(document.querySelectorAll("tr[data-row], article[data-row]"));

  const isTyping = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName));

  const currentIndex = (all) => all.findIndex((row) => row.classList.contains("is-current"));

  function moveTo(step) {
    const all = rows();
    if (!all.length) return;
    const before = currentIndex(all);
    const after = Math.min(all.length - 1, Math.max(0, before + step));
    if (before >= 0) all[before].classList.remove("is-current");
    all[after].classList.add("is-current");
    const link = all[after].querySelector("a, button");
    if (link) link.focus({ preventScroll: true });
    all[after].scrollIntoView({ block: "nearest" });
  }

  function pressIn(name) {
    const all = rows();
    const row = all[currentIndex(all)] || document;
    const target = row.querySelector(`[data-key="${name}"]`);
    if (target) target.click();
  }

  function showHelp() {
    const help = document.getElementById("keyboard-help");
    if (help && !help.open) help.showModal();
  }

  function focusSearch(event) {
    const field = document.querySelector("input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "/") focusSearch(event);
    else if (event.key === "j") moveTo(1);
    else if (event.key === "k") moveTo(-1);
    else if (event.key === "a" || event.key === "e") pressIn(event.key);
    else if (event.key === "?") showHelp();
  });

  // One confirmation before an act that the button marks as weighty.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A filter applies as soon as it is chosen; the button stays for keyboards and without scripts.
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-auto-submit]");
    if (form && event.target.tagName === "SELECT") form.requestSubmit();
  });

  // An open menu closes with Escape or a click elsewhere.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
  });

  // Two clicks on one button are one act.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    setTimeout(() => {
      for (const button of event.target.querySelectorAll("button[type=submit]")) button.disabled = true;
    }, 0);
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("button[type=submit]")) button.disabled = false;
  });
})();
