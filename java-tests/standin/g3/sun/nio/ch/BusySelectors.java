package sun.nio.ch;

import java.nio.channels.Selector;
import java.util.List;

/** Makes the exception that only this package can see. */
public final class BusySelectors {
  private BusySelectors() {}

  public static Exception newException(Selector selector, List<String> channels) {
    return new EPollSelectorImpl$BusySelectorException(
        "Selector " + selector + " has registered keys from channels: " + channels, null);
  }
}
