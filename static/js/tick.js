// `pq:tick` on <body> every second while the tab is visible, and at once when it becomes visible.
(() => {
  const PERIOD = 1000;
  let timer = null;
  const tick = () => document.body.dispatchEvent(new CustomEvent("pq:tick"));

  const watch = () => {
    clearInterval(timer);
    timer = null;
    if (document.visibilityState !== "visible") return;
    tick();
    timer = setInterval(tick, PERIOD);
  };

  document.addEventListener("visibilitychange", watch);
  watch();
})();
