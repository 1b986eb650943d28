/** Items of a page by default: of events, deliveries, asks and webhooks, in code and over HTTP. */
export const PAGE_SIZE = 100;
/** The most items of a page. */
export const MAX_PAGE_SIZE = 1_000;
