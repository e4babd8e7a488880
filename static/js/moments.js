// Keeps <time data-relative> true. The rule is that of pqintel/ui/moments.py; from a week away on the server's date stays.
(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 604800;

  const distance = (seconds) => {
    if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
    if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
    if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`;
    return `${Math.floor(seconds / DAY)} d`;
  };

  const phrase = (moment, now) => {
    const seconds = (now - moment) / 1000;
    const away = Math.abs(seconds);
    if (away < 5) return "just now";
    if (away >= WEEK) return null;
    return seconds > 0 ? `${distance(away)} ago` : `in ${distance(away)}`;
  };

  const refresh = () => {
    const now = Date.now();
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const text = phrase(Date.parse(element.dateTime), now);
      if (text !== null && element.textContent !== text) element.textContent = text;
    }
  };

  document.body.addEventListener("pq:tick", refresh);
})();
