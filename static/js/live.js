// What a swap would lose or leave unsaid: open details, scroll positions, focus, what changed, a lost connection.
(() => {
  const root = document.documentElement;
  const kept = new Map(); // id of a region -> what it looked like before the swap
  let focused = ""; // id of what had the focus when the request began: a disabled button loses it

  const say = (text) => {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  };

  const texts = (region) =>
    new Map([...region.querySelectorAll("[data-fresh]")].map((element) => [element.dataset.fresh, element.textContent]));

  const restore = (region, before) => {
    for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
    for (const [id, top] of before.scrolled) {
      const element = document.getElementById(id);
      if (element) element.scrollTop = top;
    }
    for (const element of region.querySelectorAll("[data-fresh]")) {
      if (before.texts.get(element.dataset.fresh) !== element.textContent) element.classList.add("is-fresh");
    }
    for (const field of region.querySelectorAll("[aria-invalid=true]")) {
      // An input that htmx preserved was wrong the time before.
      if (!document.getElementById(`${field.id}_error`)) field.removeAttribute("aria-invalid");
    }
    if (document.activeElement !== document.body) return;
    const next = region.querySelector("[aria-invalid=true]") || (focused && document.getElementById(focused));
    if (next && region.contains(next)) next.focus({ preventScroll: next.id === focused });
  };

  document.addEventListener("pq:say", (event) => say(event.detail));

  document.addEventListener("htmx:beforeRequest", () => {
    if (document.activeElement !== document.body) focused = document.activeElement.id;
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = event.detail.target;
    if (!event.detail.shouldSwap || !region.id) return;
    kept.set(region.id, {
      open: [...region.querySelectorAll("details[id][open]")].map((element) => element.id),
      scrolled: [...region.querySelectorAll("[id][data-keep-scroll]")].map((element) => [element.id, element.scrollTop]),
      texts: texts(region),
    });
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const region = event.detail.elt;
    const before = kept.get(region.id);
    if (!before) return;
    kept.delete(region.id);
    restore(region, before);
    const announcement = region.matches("[data-announce]") ? region : region.querySelector("[data-announce]");
    if (announcement) say(announcement.dataset.announce);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.requestConfig?.elt.matches("[data-live-region]")) return;
    root.dataset.live = event.detail.successful ? "on" : "lost";
  });
})();
