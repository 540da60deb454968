package sun.nio.ch;

import jdk.internal.crac.mirror.impl.CheckpointOpenResourceException;

/**
 * A selector that cannot be closed for the checkpoint. A class of its own that has the binary name
 * of the nested class of OpenJDK CRaC's EPollSelectorImpl, which cannot be patched into the stock
 * one.
 */
class EPollSelectorImpl$BusySelectorException extends CheckpointOpenResourceException {
  private static final long serialVersionUID = 1L;

  EPollSelectorImpl$BusySelectorException(String message, Throwable cause) {
    super(message, cause);
  }
}
