//! What is said around pages, and by what they are made of.

// `dialog.rs`
pub(crate) const TYPE: &str = "Type ";
pub(crate) const KEYS: &str = "Keys";
pub(crate) const PAGES: &str = "Pages";
pub(crate) const EVERYWHERE: &str = "Everywhere";
pub(crate) const THEY_REST_WHILE_YOU_TYPE_CHARTS: &str =
    "They rest while you type. Charts have keys of their own: focus one to hear them.";

pub(crate) const SINGLE_CHARACTERS_ARE_KEYS: &str = "Single characters are keys";
pub(crate) const WITHOUT_THEM: &str = "Without them the buttons do the same. Turn them off if you speak to this page, or press them by accident.";

// `fields.rs`
pub(crate) const IT_CANNOT_BE_EMPTY: &str = "It cannot be empty.";
pub(crate) const THIS_IS_NO_JSON: &str = "This is no JSON.";

// `mod.rs`
pub(crate) const LOADING: &str = "Loading";
pub(crate) const REQUEST: &str = "Request ";
pub(crate) const TRY_AGAIN: &str = "Try again";
pub(crate) const THE_BROWSER_DOES_NOT_LET: &str = "The browser does not let it be copied";
pub(crate) const THIS_EDIT_CHANGES: &str = "This edit changes";
pub(crate) const NOTHING: &str = "nothing";
pub(crate) const THE_PAYLOAD_IS_WRITTEN_OTHERWISE: &str = "Payload: the same values, written otherwise";
pub(crate) const SAVE_MINE_ON_TOP: &str = "Save mine on top of it";
pub(crate) const TAKE_THEIRS: &str = "Take theirs";

// `tree.rs`
pub(crate) const COPY_JSON: &str = "Copy JSON";

// `shell.rs`
pub(crate) const SKIP_TO_THE_PAGE: &str = "Skip to the page";
pub(crate) const MISSION_CONTROL: &str = "Mission Control";
pub(crate) const NOT_FOUND: &str = "Not found";
pub(crate) const THERE_IS_NO_SUCH_PAGE: &str = "There is no such page";
pub(crate) const THE_ADDRESS_MAY_BE_OF_ANOTHER: &str = "The address may be of another version of the panel.";
pub(crate) const CONNECTING: &str = "Connecting";
pub(crate) const LIVE: &str = "Live";
pub(crate) const NO_CONNECTION: &str = "No connection";
pub(crate) const PAUSED_2: &str = "Paused";
pub(crate) const PAUSED_SINCE: &str = "Paused since ";
pub(crate) const WHAT_YOU_SEE_IS_OF_THEN: &str = ": what you see is of then. ";
pub(crate) const GO_ON: &str = "Go on";
pub(crate) const STOP_AND_GO_ON_WITH_LIVE: &str = "Stop and go on with live updates (p)";
pub(crate) const THE_SERVER_DOES_NOT_ANSWER: &str = "The server does not answer. ";
pub(crate) const WHAT_YOU_SEE_WAS_TRUE: &str = "What you see was true ";
pub(crate) const THE_PANEL_CONNECTS_AGAIN_BY_ITSELF: &str = ". The panel connects again by itself.";
pub(crate) const CHANGES_ARE_NOT_TOLD: &str = "The server answers, but does not tell of changes. ";
pub(crate) const SINCE_THEN: &str = "The last one was told ";
pub(crate) const IT_IS_ASKED_NOW_AND_THEN: &str =
    " or before. What you see is asked for now and then, and the panel connects again by itself.";
pub(crate) const THE_PANEL_HAS_STOPPED: &str =
    "The panel has stopped, by an error of its own: what you see is old. The queue goes on. ";
pub(crate) const RELOAD: &str = "Reload the page";
pub(crate) const TIMES_EXACT: &str = "Times: exact";
pub(crate) const TIMES_FROM_NOW: &str = "Times: from now";
pub(crate) const LOG_OUT: &str = "Log out";
pub(crate) const THEME: &str = "Theme: ";
pub(crate) const KEYS_2: &str = "Keys (?)";

// `keys.rs`
pub(crate) const THIS_SHEET: &str = "This sheet";
pub(crate) const TO_THE_FILTER: &str = "To the filter";
pub(crate) const SHOW_WHAT_HAS_CHANGED: &str = "Show what has changed in a list";
pub(crate) const TIMES_AS_THEY_ARE_OR_FROM: &str = "Times as they are, or from now";
pub(crate) const STOP_AND_GO_ON_WITH_LIVE_2: &str = "Stop and go on with live updates";
pub(crate) const CLOSE_WHAT_IS_OPEN: &str = "Close what is open";
pub(crate) const LIVE_UPDATES_GO_ON: &str = "Live updates go on";
pub(crate) const LIVE_UPDATES_ARE_PAUSED: &str = "Live updates are paused";

// `context.rs`
pub(crate) const THIS_SERVER_CHANGES_NOTHING: &str = "This server changes nothing: it is read-only.";
