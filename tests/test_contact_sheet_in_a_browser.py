"""The contact sheet as its readers see it, from disk in a real browser."""

import re
import time

import pytest

from beam_image_edit.pipeline.report import write_report
from tests.sheets import CHROMIUM, DRIVER, make_row, open_browser, write_results

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason='needs chromium and chromedriver (Debian: chromium-driver)'),
]
HOSTILE = '</script><img src=x onerror="document.title=1"><b id="bold">bold</b>\u2028 javascript:alert(1)'
DEADLINE_S = 20


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """A sheet of 60 rows: row 3 is hostile, row 5 refused, 6 and 7 invalid, 8 has two turns and another shape,
    9 two images of one turn."""
    folder = tmp_path_factory.mktemp('sheet') / 'results'
    rows = [make_row(folder, index) for index in range(60)]
    rows[3] = make_row(folder, 3, conversations=[HOSTILE], id=HOSTILE)
    rows[5] = make_row(folder, 5, status='refused', error='the answer was blocked: IMAGE_SAFETY')
    for index in (6, 7):
        error = f'line {index + 1}: image 0: /photos/{index}.png: no such file'
        rows[index] = make_row(folder, index, status='invalid_input', error=error)
        rows[index]['edit']['sources'] = []
    rows[8] = make_row(folder, 8, conversations=['First of two', 'Second of two'])
    rows[8]['output_image'] *= 2
    image = rows[8]['edit']['images'][0]
    rows[8]['edit']['images'] = [image, {**image, 'turn': 1, 'width': 64, 'height': 64}]
    rows[9]['output_image'] *= 2
    rows[9]['edit']['images'] *= 2
    write_results(folder, rows)
    write_report(str(folder))
    return folder


@pytest.fixture(scope='module')
def browser():
    with open_browser() as running:
        yield running


@pytest.fixture
def page(browser, results):
    """The sheet, opened anew; afterwards the browser must have had nothing to complain of."""
    browser.get('about:blank')
    browser.get_log('browser')
    browser.get(f'file://{results}/report/index.html')
    wait_for(lambda: browser.execute_script('return document.querySelectorAll(".card").length'))
    yield browser
    assert browser.get_log('browser') == []


def wait_for(check):
    deadline = time.monotonic() + DEADLINE_S
    while not (found := check()):
        assert time.monotonic() < deadline, 'nothing came'
        time.sleep(0.02)
    return found


def find(page, css):
    return page.find_elements('css selector', css)


def text_of(page, css):
    return find(page, css)[0].get_attribute('textContent')


def shown(page):
    # All at once, since the page may draw its cards anew between two looks.
    return page.execute_script(
        "return [...document.querySelectorAll('.card')].map((card) => Number(card.dataset.index))"
    )


def press(page, css, label):
    next(one for one in find(page, css) if label in one.get_attribute('textContent')).click()


def test_page_shows_rows_in_order(page):
    assert shown(page) == list(range(24))
    assert text_of(page, '#shown') == '1–24 of 60 rows'


def test_pictures_are_thumbnails_and_are_seen(page):
    images = find(page, '.card .frame img')[:4]
    assert all('/report/thumbnails/' in image.get_attribute('src') for image in images)
    wait_for(lambda: all(page.execute_script('return arguments[0].naturalWidth', image) == 64 for image in images))
    assert [bool(image.get_attribute('alt')) for image in find(page, 'img:not(.strip img)')].count(False) == 0


def test_pages_are_turned(page):
    press(page, '.pager button', 'Next')
    wait_for(lambda: shown(page) == list(range(24, 48)))
    press(page, '.pager button', 'Next')
    wait_for(lambda: shown(page) == list(range(48, 60)))
    assert not find(page, '.pager button')[-1].is_enabled()


def test_search_finds_words_of_instructions(page):
    find(page, '#search')[0].send_keys('second TWO')
    wait_for(lambda: shown(page) == [8])
    press(page, '#clear', 'Show all')
    wait_for(lambda: len(shown(page)) == 24)


def test_status_is_a_filter_and_is_in_the_address(page):
    press(page, '.filter', 'invalid input')
    wait_for(lambda: shown(page) == [6, 7])
    assert 'status=invalid_input' in page.current_url
    assert [one.text.splitlines()[0] for one in find(page, '.filter[aria-pressed="true"]')] == ['invalid input']
    page.refresh()
    wait_for(lambda: shown(page) == [6, 7])


def test_reason_is_a_filter(page):
    press(page, '.reasons .filter', 'IMAGE_SAFETY')
    wait_for(lambda: shown(page) == [5])


def test_changed_shape_is_a_filter_and_flagged(page):
    press(page, '.filter', 'shape has changed')
    wait_for(lambda: shown(page) == [8])
    assert text_of(page, '.card .drift') == '25 % narrower'


@pytest.mark.parametrize(
    ('order', 'first'), [('cost-down', [59, 58]), ('latency', [0, 14]), ('latency-down', [13, 20])]
)
def test_rows_are_sorted(page, order, first):
    find(page, f'#sort option[value="{order}"]')[0].click()
    wait_for(lambda: shown(page)[:2] == first)


def test_rows_of_unknown_latency_come_last(page):
    find(page, '#sort option[value="latency"]')[0].click()
    wait_for(lambda: shown(page)[0] == 0)
    press(page, '.pager button', 'Next')
    wait_for(lambda: shown(page)[0] not in (0, 24))
    press(page, '.pager button', 'Next')
    wait_for(lambda: shown(page)[-2:] == [6, 7])


def test_slider_moves_by_keys_and_by_dragging(page):
    from selenium.webdriver import ActionChains, Keys

    frame, slider = find(page, '.frame')[0], find(page, '.slider')[0]
    split = lambda: float(page.execute_script("return arguments[0].style.getPropertyValue('--split')", frame)[:-1])  # noqa: E731
    slider.send_keys(Keys.ARROW_RIGHT)
    assert split() == 51
    before = find(page, '.layer.clipped')[0].value_of_css_property('clip-path')
    width = frame.size['width']
    ActionChains(page).move_to_element(frame).click_and_hold().move_by_offset(-width // 4, 0).release().perform()
    assert 20 <= split() <= 30
    assert find(page, '.layer.clipped')[0].value_of_css_property('clip-path') != before


def test_hostile_texts_are_only_texts(page):
    card = find(page, '.card[data-index="3"]')[0]
    shown_text = page.execute_script('return arguments[0].querySelector(".instruction").textContent', card)
    assert shown_text.startswith('</script><img src=x onerror=')
    assert find(page, '#bold') == []
    assert find(page, 'img[src="x"]') == []
    assert page.title.startswith('Contact sheet of')


def test_turns_are_in_order_and_can_be_chosen(page):
    card = '.card[data-index="8"]'
    assert re.findall(r'\w+ of two', text_of(page, f'{card} .turns')) == ['First of two', 'Second of two']
    buttons = f'{card} .strip button'
    assert [one.text for one in find(page, buttons)] == ['image 0', 'turn 1', 'turn 2']
    find(page, buttons)[1].click()
    assert [one.get_attribute('aria-pressed') for one in find(page, buttons)] == ['true', 'true', 'false']


def test_images_of_one_turn_are_told_apart(page):
    buttons = find(page, '.card[data-index="9"] .strip button')
    assert [one.text for one in buttons] == ['image 0', 'turn 1, image 1', 'turn 1, image 2']


def test_row_without_pictures_says_so(page):
    assert find(page, '.card[data-index="7"] .missing')[0].get_attribute('aria-label').startswith('No picture')
    assert 'no such file' in text_of(page, '.card[data-index="7"] .error')


def test_row_is_opened_by_key_with_its_files_and_left_by_escape(page):
    from selenium.webdriver import Keys

    find(page, '.open')[0].send_keys(Keys.ENTER)
    viewer = wait_for(lambda: find(page, '#viewer[open]'))[0]
    images = find(page, '#viewer img')
    assert [image.get_attribute('src').rpartition('/')[2] for image in images] == ['source.png', 'sample_0_0.png']
    links = [link.get_attribute('href').rpartition('/')[2] for link in find(page, '#viewer .files a')]
    assert links == ['source.png', 'sample_0_0.png']
    press(page, '#viewer button', 'Next')
    wait_for(lambda: 'Row 1' in text_of(page, '#viewer h2'))
    viewer.send_keys(Keys.ESCAPE)
    wait_for(lambda: not find(page, '#viewer[open]'))


def test_viewer_goes_on_to_the_next_page(page):
    find(page, '.open')[23].click()
    press(page, '#viewer button', 'Next')
    wait_for(lambda: 'Row 24' in text_of(page, '#viewer h2'))
    assert shown(page)[0] == 24


def test_plots_tell_their_figures(page):
    labels = wait_for(lambda: [plot.get_attribute('aria-label') for plot in find(page, 'svg.plot')])
    assert labels[0].startswith('Latency of 58 rows: median 8.0 s')
    assert labels[1].startswith('Cost of 58 rows: median $0.3')


def test_panel_is_folded_on_a_phone_and_nothing_is_wider_than_it(results):
    with open_browser(390, 844) as phone:
        metrics = {'width': 390, 'height': 844, 'deviceScaleFactor': 1, 'mobile': True}
        phone.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
        phone.get(f'file://{results}/report/index.html')
        wait_for(lambda: find(phone, '.card'))
        assert find(phone, '#panel[open]') == []
        assert phone.execute_script('return document.documentElement.scrollWidth') == 390


def test_page_of_2000_rows_opens_at_once(tmp_path, browser):
    folder = tmp_path / 'many'
    write_results(folder, [make_row(folder, index) for index in range(2000)])
    write_report(str(folder))
    browser.get(f'file://{folder}/report/index.html')
    wait_for(lambda: len(find(browser, '.card')) == 24)
    paint = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
    # A tenth of it on an idle machine.
    assert browser.execute_script(paint) < 10_000
