import { propertyTests } from './property.ts';

propertyTests(1, 4);
