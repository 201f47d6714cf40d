// The console's pages: messages for every way that a flip can fail, and no flip that nobody asked for.
(function () {
  "use strict";

  const dialog = document.getElementById("console-dialog");

  // Behind an open dialog nothing can be read.
  function messageArea() {
    const place = dialog && dialog.open ? "dialog-messages" : "console-messages";
    return document.getElementById(place);
  }

  function say(text) {
    const area = messageArea();
    if (!area) { return; }
    const list = document.createElement("ul");
    const item = document.createElement("li");
    list.className = "messagelist";
    item.className = "error";
    item.textContent = text;
    list.append(item);
    area.replaceChildren(list);
  }

  // What a failed request leaves open.
  function whatNow(event) {
    const form = event.detail.requestConfig && event.detail.requestConfig.elt;
    const flip = /^(?:flip|offer)-(.+)$/.exec((form && form.id) || "");
    const step = /^step-/.test((form && form.id) || "");
    return flip || step ? "Whether " + (flip ? flip[1] : "it") + " changed is not known: reload the " +
        "page and look before you try again." : "Nothing was flipped. Reload the page, then try again.";
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

  // Apps show a code as "123 456".
  document.addEventListener("input", function (event) {
    if (event.target.name === "token") { event.target.value = event.target.value.replace(/\s/g, ""); }
  });

  // A form that makes something new or spends a code is sent once.
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (!form.matches("[data-once]")) { return; }
    // Some seconds later it is no double click: the answer was given up.
    const isAgain = performance.now() - Number(form.dataset.sent || -Infinity) < 3000;
    if (isAgain && !form.hasAttribute("hx-post")) { event.preventDefault(); return; }
    form.dataset.sent = performance.now();
  });

  // --- the dialog over the page: a code first, then the same flip offered again ---

  document.addEventListener("console:elevate", function (event) {
    const body = document.getElementById("console-dialog-body");
    body.replaceChildren();
    window.htmx.ajax("GET", event.detail.address, body).then(function () {
      if (!body.firstElementChild) { return; } // what went wrong is said on the page
      if (!dialog.open) { dialog.showModal(); }
      focusIn(dialog);
    });
  });

  function focusIn(place) {
    const wanted = place.querySelector("[autofocus]");
    if (wanted) { wanted.focus(); }
  }

  document.addEventListener("htmx:afterSwap", function (event) {
    if (dialog && dialog.contains(event.detail.target)) { focusIn(dialog); }
  });

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!event.target.matches("[data-closes-dialog]")) { return; }
    // The form stays where it is until the answer is there: htmx tells it of what went wrong.
    dialog.close();
    const row = document.querySelector(event.target.getAttribute("hx-target"));
    const notice = row && row.querySelector(".row-notice");
    if (notice) { notice.remove(); row.classList.remove("is-refused"); }
  });

  if (dialog) {
    dialog.addEventListener("close", function () {
      document.getElementById("dialog-messages").replaceChildren();
    });
  }

  // --- how long the elevation lasts, and how long to wait ---

  function clock(seconds) {
    return Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
  }

  // Counted by the browser's own clock from the seconds that the page was drawn with: the wall
  // clocks of browser and server may differ.
  const ends = new WeakMap();

  function left(element, seconds) {
    if (!ends.has(element)) { ends.set(element, performance.now() + seconds * 1000); }
    return Math.max(0, Math.ceil((ends.get(element) - performance.now()) / 1000));
  }

  function count() {
    document.querySelectorAll("[data-elevated-seconds]").forEach(function (shown) {
      const seconds = left(shown, Number(shown.dataset.elevatedSeconds));
      shown.querySelector(".time-left").textContent = seconds ? ", " + clock(seconds) + " left" : "";
      if (!seconds) {
        shown.removeAttribute("data-elevated-seconds");
        shown.textContent = "Elevation is over";
        shown.parentElement.querySelectorAll("form").forEach(function (form) { form.remove(); });
      }
    });
    document.querySelectorAll("[data-wait]").forEach(function (shown) {
      const seconds = left(shown, Number(shown.dataset.wait));
      shown.textContent = clock(seconds);
    });
  }
  setInterval(count, 500);
  count();

  // Only the console's own rows and messages are swapped in: a router's page of an outage, or a
  // proxy's sign-in page, would otherwise stand where the flag was.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const xhr = event.detail.xhr;
    const isOurs = xhr.getResponseHeader("HX-Retarget") ||
        /^\s*<(tr id="(flag|promotion)-|section data-console)/.test(xhr.responseText);
    if (event.detail.shouldSwap && !isOurs) {
      event.detail.shouldSwap = false;
      say("The answer (" + xhr.status + ") did not come from the console. " + whatNow(event));
    } else if (event.detail.target.id === "console-messages") {
      event.detail.target = messageArea();
    }
  });

  document.addEventListener("htmx:beforeRequest", function () {
    const area = messageArea();
    if (area) { area.replaceChildren(); }
  });

  document.addEventListener("htmx:responseError", function (event) {
    const status = event.detail.xhr.status;
    if (status === 401) { return; } // on the way to the login page
    say("The console failed (" + status + "). " + whatNow(event));
  });

  document.addEventListener("htmx:sendError", function (event) {
    say("The console cannot be reached. " + whatNow(event));
  });

  document.addEventListener("htmx:timeout", function (event) {
    say("The console did not answer in time. " + whatNow(event));
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
