// <button data-copy="text"> or <button data-copy-from="id of an element whose text is meant">.
(() => {
  const text = (button) => {
    const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    return source ? source.innerText.trim() : button.dataset.copy;
  };

  const write = async (value) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(value);
    // Plain http on another machine has no clipboard API.
    const box = document.createElement("textarea");
    box.value = value;
    box.className = "visually-hidden";
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    if (!done) throw new Error("The browser refused to copy.");
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    try {
      await write(text(button));
    } catch {
      return; // The value stays selectable by hand.
    }
    button.dataset.copied = "";
    document.dispatchEvent(new CustomEvent("pq:say", { detail: "Copied" }));
    setTimeout(() => delete button.dataset.copied, 2000);
  });
})();
