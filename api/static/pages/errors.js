// Tells DDMS what fails in the scripts of a page, and the person by which number that can be named. In old JavaScript, since
// it is old browsers in which scripts fail; loaded before all others.
(function () {
  var reports = 0, lang = document.documentElement.lang === 'en' ? navigator.language || '' : document.documentElement.lang;
  var says = 'SAYS';  // by language, put in by the API: what failed, and that DDMS does not answer
  var told = says[lang.slice(0, 2).toLowerCase()] || says.en;
  function tell(number) {
    var bar = document.getElementById('ddms-failed') || document.createElement('p');
    bar.id = 'ddms-failed';
    bar.setAttribute('role', 'alert');
    bar.style.cssText = 'position:fixed;left:0;right:0;bottom:0;margin:0;padding:12px 16px;z-index:9999;background:#b3122b;color:#fff;font:16px/1.5 sans-serif';
    bar.textContent = told[0] + ' ' + (number || told[1]);
    (document.body || document.documentElement).appendChild(bar);
  }
  function report(kind, message, source, line, column) {
    var request = new XMLHttpRequest();
    if (++reports > 5) { return; }  // what fails again and again is told
    request.open('POST', 'errors');
    request.setRequestHeader('Content-Type', 'application/json');
    request.onloadend = function () {
      var told = null;
      try { told = JSON.parse(request.responseText); told = told.reference || told.errors[0].extensions.reference; } catch (e) { told = null; }
      tell(told);
    };
    request.send(JSON.stringify({ page: location.pathname, kind: kind, message: String(message).slice(0, 200), source: source, line: line, column: column }));
  }
  window.addEventListener('error', function (event) {
    var from = event.target;
    if (from && from !== window && (from.src || from.href)) {
      report('file', from.tagName + ' did not load', from.src || from.href, 0, 0);
    } else if (event.message && !/^ResizeObserver loop/.test(event.message)) {
      report('script', event.message, event.filename, event.lineno, event.colno);
    }
  }, true);
  window.addEventListener('unhandledrejection', function (event) {
    var reason = event.reason;
    report('promise', reason && reason.message ? reason.message : reason, '', 0, 0);
  });
}());
