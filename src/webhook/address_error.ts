/**
 * What an address guard says when it refuses.
 *
 * @module
 */

/**
 * Why a URL may not be used: `"address_not_allowed"` is a verdict and stands until the URL, the name's
 * addresses or the guard's options change; `"address_unresolved"` says that the resolver failed, which
 * another try may mend.
 */
export type AddressErrorCode = "address_not_allowed" | "address_unresolved";

/**
 * A URL that an address guard does not let through.
 *
 * The message names host and address, and what to add to `allowAddresses`; never the credentials, path
 * or query of the URL. The address can be one of your own network: whoever may register webhooks
 * learns it when the message is handed on.
 */
export class AddressNotAllowedError extends Error {
  /** Always `"AddressNotAllowedError"`. */
  override readonly name = "AddressNotAllowedError";
  /** A verdict, or a resolver that failed. */
  readonly code: AddressErrorCode;

  /** Made by the guard. */
  constructor(message: string, code: AddressErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
