"""GraphiQL as a person meets it, in a browser without the internet: a token, an example, the explanations."""

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium

RUN = "button[aria-label^=Execute]"


@needs_chromium
async def test_a_token_an_example_and_the_book(api: Api, tmp_path):
    await add(api, "Pump 1")
    async with browsing(tmp_path) as page:
        await page.open(f"{api.url}/graphql")
        await page.until("document.querySelector('[role=status]').textContent == 'No token yet.'")
        await page.run("document.querySelector('[name=token]').value = 'ddms_wrong'")
        await page.click(".ddms-bar button")
        await page.until("document.querySelector('[role=status]').textContent.includes('ask for a new one')")
        await page.run(f"document.querySelector('[name=token]').value = '{api.tokens['viewer']}'")
        await page.click(".ddms-bar button")
        await page.until("document.querySelector('[role=status]').textContent.includes('viewer')")
        await page.click(RUN)
        await page.click("[role=menuitem]")
        await page.until("document.querySelector('.result-window').textContent.includes('Pump 1')")
        await page.click("button[aria-label*=Documentation]")
        await page.until("document.querySelector('.graphiql-doc-explorer').textContent.includes('Subscription')")
