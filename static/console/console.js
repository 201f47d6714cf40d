// The flags page: messages for every way that a flip can fail, and no flip that nobody asked for.
(function () {
  "use strict";

  const LOOK = ": reload the page and look before you try again.";

  function say(text) {
    const area = document.getElementById("console-messages");
    if (!area) { return; }
    const list = document.createElement("ul");
    const item = document.createElement("li");
    list.className = "messagelist";
    item.className = "error";
    item.textContent = text;
    list.append(item);
    area.replaceChildren(list);
  }

  function flagOf(event) {
    const form = event.detail.requestConfig && event.detail.requestConfig.elt;
    return form && form.id ? form.id.replace(/^flip-/, "") : "the flag";
  }

  // The second click of a double click would meet the fresh row and flip the flag back.
  document.addEventListener("click", function (event) {
    if (event.detail > 1 && event.target.closest("[data-toggle]")) {
      event.preventDefault();
    }
  }, true);

  // A key held down would do the same with every repeat.
  document.addEventListener("keydown", function (event) {
    if (event.repeat && event.target.closest("[data-toggle]")) {
      event.preventDefault();
    }
  }, true);

  // Only the console's own rows and messages are swapped in: a router's page of an outage, or a
  // proxy's sign-in page, would otherwise stand where the flag was.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const xhr = event.detail.xhr;
    const isOurs = xhr.getResponseHeader("HX-Retarget") ||
        xhr.responseText.trimStart().startsWith('<tr id="flag-');
    if (event.detail.shouldSwap && !isOurs) {
      event.detail.shouldSwap = false;
      say("The answer (" + xhr.status + ") did not come from the console. Whether " +
          flagOf(event) + " changed is not known" + LOOK);
    }
  });

  document.addEventListener("htmx:beforeRequest", function () {
    const area = document.getElementById("console-messages");
    if (area) { area.replaceChildren(); }
  });

  document.addEventListener("htmx:responseError", function (event) {
    const status = event.detail.xhr.status;
    if (status === 401) { return; } // on the way to the login page
    say("The console failed (" + status + ") while it flipped " + flagOf(event) +
        ". It may or may not have changed" + LOOK);
  });

  document.addEventListener("htmx:sendError", function (event) {
    say("The console cannot be reached. Whether " + flagOf(event) +
        " changed is not known" + LOOK);
  });

  document.addEventListener("htmx:timeout", function (event) {
    say("The console did not answer in time. Whether " + flagOf(event) +
        " changed is not known" + LOOK);
  });

  // "2 s ago" must not stay so while the page is open. The words are those of audit/ages.py.
  const units = [["d", 86400, 2], ["h", 3600, 2], ["min", 60, 1]];

  function age(moment) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(moment)) / 1000));
    const unit = units.find(function (one) { return seconds >= one[1] * one[2]; });
    return unit ? Math.floor(seconds / unit[1]) + " " + unit[0] + " ago" : seconds + " s ago";
  }

  setInterval(function () {
    document.querySelectorAll("time[datetime]").forEach(function (time) {
      time.textContent = age(time.dateTime);
    });
  }, 10000);

  // A page from the browser's back/forward cache shows values of the past.
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) { window.location.reload(); }
  });
})();
