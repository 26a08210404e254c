//! The panel beside the API.

use axum::Router;
use forge_jobs_api::http::API_PREFIX;
use forge_jobs_ui::serve::PanelService;

/// Where the panel is.
const PANEL: &str = "/panel";

/// The same server with the panel, to which its root leads.
pub(crate) fn with_panel(api: Router) -> Router {
    let panel = PanelService::new(PANEL, API_PREFIX);
    api.route_service("/", panel.redirect()).nest_service(PANEL, panel)
}
